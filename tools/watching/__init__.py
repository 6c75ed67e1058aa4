"""What ``spotstream watch`` does with published tracks and events: prints or forwards them."""
