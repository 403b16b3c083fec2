/** A small template of a compose file. */
export const TEMPLATE = `# head
name: tp0
services:
  # one server
  server:
    image: server:latest # built here
    environment:
      SERVER_AGENCIES: '{agencies}'
  # a pattern
  client:
    container_name: client{id}
    environment:
      - CLI_ID={id}
    volumes:
      # its bets
      - ./.data/agency-{id}.csv:/app/.data/agency-{id}.csv:ro
networks:
  testing_net:
`;

/** A compose file, parsed. */
export interface Compose {
  name: string;
  services: Record<string, { environment?: Record<string, string> | string[]; [key: string]: unknown }>;
}
