"""QCD jets in a parametrised detector, written as CERN Open Data record 12100 is."""
