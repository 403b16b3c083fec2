'use strict';

const js = require('@eslint/js');
const tseslint = require('typescript-eslint');
const prettier = require('eslint-config-prettier');

/** Layers may import downwards only: apps use lib through its front doors, lib knows nothing of apps. */
function forbidImports(files, patterns) {
  return { files, rules: { 'no-restricted-imports': ['error', { patterns }] } };
}

const throughTheFrontDoor = {
  regex: '(^|/)lib/(sockets|messages)(/|$)|(^|/)lib/testing/(?!index$)',
  message: 'Import the library through lib/index or lib/testing/index, as its users do.',
};

module.exports = tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', 'coverage/**', 'docs/api/**'] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    files: ['**/*.js'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: {
        require: 'readonly',
        module: 'writable',
        process: 'readonly',
        console: 'readonly',
        __dirname: 'readonly',
        __filename: 'readonly',
        exports: 'writable',
      },
    },
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    files: ['apps/server/status/page/*.js'],
    languageOptions: {
      sourceType: 'script',
      globals: {
        document: 'readonly',
        EventSource: 'readonly',
        requestAnimationFrame: 'readonly',
        setInterval: 'readonly',
        setTimeout: 'readonly',
      },
    },
  },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeCheckedOnly],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: __dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/explicit-member-accessibility': ['error', { accessibility: 'no-public' }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // An async method without an await rejects where a plain one would throw: that is the point of it.
      '@typescript-eslint/require-await': 'off',
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  forbidImports(['lib/**/*.ts'], [{ regex: '(^|/)apps(/|$)', message: 'The library knows nothing of the apps.' }]),
  forbidImports(
    ['lib/sockets/**/*.ts', 'lib/async/**/*.ts'],
    [{ regex: '/(framing|testing|apps)(/|$)', message: 'Sockets use nothing of the layers above.' }],
  ),
  forbidImports(
    ['lib/framing/**/*.ts'],
    [{ regex: '/(testing|apps)(/|$)', message: 'Framing uses sockets and nothing above.' }],
  ),
  forbidImports(
    ['apps/lottery/**/*.ts', 'apps/runtime/**/*.ts'],
    [
      throughTheFrontDoor,
      { regex: '/(server|client|echo)(/|$)', message: 'What both sides share depends on neither.' },
    ],
  ),
  forbidImports(
    ['apps/server/**/*.ts'],
    [throughTheFrontDoor, { regex: '/(client|echo)(/|$)', message: 'Server and client meet in apps/lottery only.' }],
  ),
  forbidImports(
    ['apps/client/**/*.ts'],
    [throughTheFrontDoor, { regex: '/(server|echo)(/|$)', message: 'Server and client meet in apps/lottery only.' }],
  ),
  forbidImports(
    ['apps/echo/**/*.ts'],
    [
      throughTheFrontDoor,
      { regex: '/(server|client)/(?!.*echo)', message: 'The echo pair needs the library and the runtime only.' },
    ],
  ),
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unused-expressions': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
    },
  },
  prettier,
);
