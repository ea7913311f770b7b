"""The core in pure Python: the fallback where no native module exists, and the referee of the native one."""
