"""Ntuples in, memory-mappable shards out."""
