"""Holds simulated jets against what is published of those of CMS: ``jetcal simulate OUT --validate``."""
