"""ocpptap: the flight recorder for EV-charging networks."""
