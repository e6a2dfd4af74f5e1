// Starts Swagger UI on the element that names the document; a file of its own because the policy forbids inline scripts.
const page = document.getElementById("swagger-ui");
window.ui = SwaggerUIBundle({
  url: page.dataset.openapi,
  domNode: page,
  deepLinking: true,
  docExpansion: "list",
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
