/**
 * `Reflect` with metadata, which @peculiar/x509 needs before it is loaded.
 *
 * A module of its own: the bundler starts modules in the order of their imports, but CommonJS ones, which
 * reflect-metadata is, after all the others of the importing file.
 */
import "reflect-metadata";
