/** A reply (RFC 5321 section 4.2): its lines begin with its code. `next` follows it, where that is not a command. */
export interface Reply {
  readonly lines: readonly string[];
  readonly next?: 'message' | 'TLS' | 'end';
}

/** The addresses of a message. The sender is empty for a message that must not be answered. */
export interface Envelope {
  readonly sender: string;
  readonly recipients: readonly string[];
}

const OK = reply('250 OK');
/** The least number that a server must take (RFC 5321 section 4.5.3.1.8). */
const MOST_RECIPIENTS = 100;
/** An address in printable ASCII without spaces, and its parameters. */
const PATH = /^(FROM|TO):<([!-;=?-~]*)>(?: (.*))?$/i;

/** The commands of one client, from the greeting to QUIT or STARTTLS (RFC 5321 section 4.1). */
export class SmtpSession {
  private isGreeted = false;
  private sender: string | undefined;
  private recipients: string[] = [];

  constructor(
    private readonly isSecure: boolean,
    private readonly maxMessageBytes: number,
  ) {}

  execute(line: string): Reply {
    const [, verb = '', argument = ''] = /^(\S+) ?(.*)$/.exec(line.trimEnd()) ?? [];
    switch (verb.toUpperCase()) {
      case 'EHLO':
        return this.greet(argument, this.extensions);
      case 'HELO':
        return this.greet(argument, []);
      case 'STARTTLS':
        return this.startTls(argument);
      case 'MAIL':
        return this.setSender(argument);
      case 'RCPT':
        return this.addRecipient(argument);
      case 'DATA':
        return this.receiveMessage(argument);
      case 'RSET':
        this.takeEnvelope();
        return OK;
      case 'NOOP':
        return OK;
      case 'VRFY':
        return reply('252 addresses are not verified');
      case 'QUIT':
        return { ...reply('221 goodbye'), next: 'end' };
      default:
        return reply('500 unknown command');
    }
  }

  /** The reply to a message over the limit. */
  get tooLong(): Reply {
    return reply(`552 a message has at most ${this.maxMessageBytes} bytes`);
  }

  /** The addresses of the message that was received. The next one has none. */
  takeEnvelope(): Envelope {
    const { sender = '', recipients } = this;
    this.sender = undefined;
    this.recipients = [];
    return { sender, recipients };
  }

  private get extensions(): string[] {
    const size = `SIZE ${this.maxMessageBytes}`;
    return this.isSecure ? [size] : [size, 'STARTTLS'];
  }

  private greet(client: string, extensions: readonly string[]): Reply {
    if (client === '') return reply('501 a name is needed');
    this.isGreeted = true;
    this.takeEnvelope();
    const texts = ['localhost', ...extensions];
    return { lines: texts.map((text, index) => `250${index === texts.length - 1 ? ' ' : '-'}${text}`) };
  }

  private startTls(argument: string): Reply {
    if (argument !== '') return reply('501 STARTTLS has no parameters');
    if (this.isSecure) return reply('503 TLS is used already');
    return { ...reply('220 begin TLS'), next: 'TLS' };
  }

  private setSender(argument: string): Reply {
    if (!this.isGreeted) return reply('503 EHLO comes first');
    if (this.sender !== undefined) return reply('503 the message has a sender already');
    const [, word, sender, parameters] = PATH.exec(argument) ?? [];
    if (word?.toUpperCase() !== 'FROM') return reply('501 FROM:<address> is needed');
    // RFC 1870: the client declares the size of the message beforehand.
    const size = parameters === undefined ? 0 : Number(/^SIZE=(\d{1,20})$/i.exec(parameters)?.[1]);
    if (Number.isNaN(size)) return reply('555 unknown parameter');
    if (size > this.maxMessageBytes) return this.tooLong;
    this.sender = sender;
    return OK;
  }

  private addRecipient(argument: string): Reply {
    if (this.sender === undefined) return reply('503 MAIL comes first');
    const [, word, recipient = '', parameters] = PATH.exec(argument) ?? [];
    if (word?.toUpperCase() !== 'TO' || recipient === '') return reply('501 TO:<address> is needed');
    if (parameters !== undefined) return reply('555 unknown parameter');
    if (this.recipients.length >= MOST_RECIPIENTS) return reply('452 too many recipients');
    this.recipients.push(recipient);
    return OK;
  }

  private receiveMessage(argument: string): Reply {
    if (argument !== '') return reply('501 DATA has no parameters');
    if (this.recipients.length === 0) return reply('503 RCPT comes first');
    return { ...reply('354 end with a dot on a line of its own'), next: 'message' };
  }
}

function reply(line: string): Reply {
  return { lines: [line] };
}
