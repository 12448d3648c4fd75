"""The behavioural backend: equations integrated in time, and the compiled kernel."""
