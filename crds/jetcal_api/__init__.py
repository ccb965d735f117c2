"""The contract that both sides share: models of the resource, of its status and of the stages' documents."""
