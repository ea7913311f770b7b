"""The data of COPY in its three formats, both directions (PostgreSQL: COPY, "File Formats"); see ``_impl/interface``."""

from .decoder import CopyDecoder as CopyDecoder
from .encoder import CopyEncoder as CopyEncoder
