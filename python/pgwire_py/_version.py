"""The version, the same as in Cargo.toml."""

__version__ = "0.1.0"
