/** The reference for the start of a program: an empty program. */
export {};
