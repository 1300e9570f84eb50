"""Widgets: they show what view-models say and pass on what people do; they decide nothing."""
