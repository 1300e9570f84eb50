"""Archives as streams: tar and zip, from members to bytes."""

from bck_adapters.archives.archives import StreamedArchives

__all__ = ["StreamedArchives"]
