/** What every program's start is measured against: nothing. */
export {};
