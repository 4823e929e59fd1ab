// The page of the API: the description, with a form to try each request. A token stays in this page's memory.
const api = document.getElementById('api');
SwaggerUIBundle({
  url: api.dataset.url,
  domNode: api,
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  validatorUrl: null,
  withCredentials: false,
});
