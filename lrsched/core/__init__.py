"""The pure core: values and the grammar that they are spoken of in. No I/O, no logging, no clock, no randomness."""
