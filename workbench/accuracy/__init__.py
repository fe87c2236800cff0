"""How good the networks of a family are: measured by training, remembered by the lab, and predicted where told so."""
