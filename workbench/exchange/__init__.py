"""What leaves the lab for other programs, and comes back: sheets of evaluations, and what a run's designs rest on."""
