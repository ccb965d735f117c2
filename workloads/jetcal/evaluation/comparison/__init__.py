"""Any number of models on the same jets, also models made elsewhere, without a judgement."""
