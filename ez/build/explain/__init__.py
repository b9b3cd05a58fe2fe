"""Why steps ran: what a build leaves behind, and what two such records say of one another."""
