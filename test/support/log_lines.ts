/** The last line of a program that has done all its work. */
export const EXIT = /action: exit \| result: success$/;

/** The client's line with the number of its agency's winners. */
export const WON = /action: consulta_ganadores \| result: success \| cant_ganadores: (\d+)$/;
