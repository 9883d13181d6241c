"""OCPP-J: the envelope, who answers whom, and what messages say (facts). Pure."""
