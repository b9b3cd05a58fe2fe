"""What an environment may ask for at home, and how it is answered."""
