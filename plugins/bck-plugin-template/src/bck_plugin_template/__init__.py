"""A journal of finished work, and a switch that pauses backups."""
