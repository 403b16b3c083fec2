/** The most servers in containers: PostgreSQL accepts 100 connections by default, and a server has up to four. */
export const MAX_SERVERS = 20;
