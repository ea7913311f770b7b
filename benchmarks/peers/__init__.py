"""What a user would pick instead of pgwire_py, and the bound."""
