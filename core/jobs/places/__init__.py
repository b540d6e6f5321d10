"""Where a participant of a comparison predicts: here, in an environment, on another machine."""
