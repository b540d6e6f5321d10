"""The guided tour: one story in seven steps, each with one picture that moves and one sentence."""
