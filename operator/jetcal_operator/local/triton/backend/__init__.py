"""Files that Triton itself loads; nothing of jetcal imports them."""
