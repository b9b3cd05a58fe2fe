"""Files between this computer and an environment, over the connection that its alias makes."""
