"""Files of the pages that a browser opens, beside Swagger UI's own."""
