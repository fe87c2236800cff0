"""What is designed, for what, and what is better: layers, architectures, spaces, metrics, tasks."""
