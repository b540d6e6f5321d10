"""What an upgrade changes, model by model, and which release changed it."""
