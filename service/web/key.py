"""Tells OpenAPI which operations ask for the API key; `api_key` is what asks."""

from fastapi import Security
from fastapi.security import HTTPBearer

Key = Security(HTTPBearer(auto_error=False, description="the service's API key, if it has one"))
