"""The contract that the operator and the worker share: models of the resource, of its status and of the stages' documents."""
