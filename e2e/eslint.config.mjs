// What the linter looks for in the pages' scripts, the snippet and the browser tests.
import js from '@eslint/js';
import globals from 'globals';

export default [
  { ignores: ['**/node_modules/**', 'static/vendor/**', 'static/snippet/*.min.js', 'static/snippet/*.mjs'] },
  js.configs.recommended,
  {
    rules: {
      'no-empty': ['error', { allowEmptyCatch: true }],
      'no-unused-vars': ['error', { caughtErrors: 'none' }],
      'prefer-const': ['error', { destructuring: 'all' }],
      'no-var': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
    },
  },
  { files: ['static/js/**/*.js'], languageOptions: { globals: { ...globals.browser, SwaggerUIBundle: false, frontdesk: false } } },
  // The snippet is counted in bytes.
  { files: ['static/snippet/*.js'], languageOptions: { globals: globals.browser }, rules: { eqeqeq: 'off' } },
  // Browser tests hand functions to the page.
  { files: ['e2e/*.mjs'], languageOptions: { globals: { ...globals.node, ...globals.browser } } },
];
