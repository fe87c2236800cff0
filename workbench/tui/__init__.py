"""The terminal UI: it draws what `views` read from the lab, and starts runs as processes of their own."""
