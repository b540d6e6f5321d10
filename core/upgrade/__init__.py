"""What breaks when packages are upgraded: models from outside, asked in one environment and then in another."""
