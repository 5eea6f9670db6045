"""What tests of the native tier share."""
