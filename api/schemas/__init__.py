"""The shapes of questions and answers, for the OpenAPI document."""
