"""What every implementation of a protocol must pass, as classes of tests to inherit from."""
