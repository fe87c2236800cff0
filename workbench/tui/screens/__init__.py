"""The screens: each shows what functions below it have read from the lab, and computes nothing."""
