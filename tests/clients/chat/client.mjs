// The real client: `WorkflowChatTransport` of @ai-sdk/workflow below `ai`'s chat.
// `node client.mjs SCENARIO BASE [JSON]` prints one JSON object: what the client saw.
import { WorkflowChatTransport } from '@ai-sdk/workflow/client';
import { AbstractChat, lastAssistantMessageIsCompleteWithApprovalResponses } from 'ai';

const [, , scenario, base, given = '{}'] = process.argv;
const options = JSON.parse(given);
const api = `${base}/api/chat`;

class State {
  constructor() {
    this.messages = options.messages ?? [];
    this.status = 'ready';
    this.error = undefined;
  }
  pushMessage = message => { this.messages = [...this.messages, message]; };
  popMessage = () => { this.messages = this.messages.slice(0, -1); };
  replaceMessage = (index, message) => {
    this.messages = [...this.messages.slice(0, index), message, ...this.messages.slice(index + 1)];
  };
  snapshot = thing => structuredClone(thing);
}

class Chat extends AbstractChat {
  constructor(init) { super({ ...init, state: new State() }); }
}

const requests = [];

// A fetch that loses its connection after so many frames, as often as it is told to, and that
// tries again where nobody answers: the server may be starting anew.
function unsteady(cuts) {
  return async (url, init) => {
    for (let tries = 0; ; tries++) {
      let response;
      try {
        response = await fetch(url, init);
      } catch (error) {
        if (tries > 400) throw error;
        await new Promise(done => setTimeout(done, 50));
        continue;
      }
      requests.push({ url: url.replace(base, ''), status: response.status });
      const after = cuts.shift();
      if (!response.ok) return response;
      if (after !== undefined) return cut(response, after);
      return options.signalAfter === undefined ? response : watched(response);
    }
  };
}

function cut(response, frames) {
  let seen = 0;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const body = new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) return controller.close();
      const text = decoder.decode(value, { stream: true });
      const parts = text.split(/(?<=\n\n)/);
      const kept = [];
      for (const part of parts) {
        if (seen >= frames) break;
        kept.push(part);
        if (part.startsWith('data:')) seen += 1;
      }
      if (kept.length) controller.enqueue(new TextEncoder().encode(kept.join('')));
      if (seen >= frames) {
        await reader.cancel();
        controller.error(new TypeError('terminated'));
      }
    },
  });
  return new Response(body, { status: response.status, headers: response.headers });
}

// Say on stdout, once, that so many frames were read: whoever listens may do something then.
let signalled = false;
function watched(response) {
  let seen = 0;
  const counting = new TransformStream({
    transform(chunk, controller) {
      seen += new TextDecoder().decode(chunk).split('data:').length - 1;
      controller.enqueue(chunk);
      if (seen >= options.signalAfter && !signalled) {
        signalled = true;
        process.stdout.write('!\n');
      }
    },
  });
  const body = response.body.pipeThrough(counting);
  return new Response(body, { status: response.status, headers: response.headers });
}

function chatOf(more = {}, cuts = []) {
  const errors = [];
  const transport = new WorkflowChatTransport({
    api, fetch: unsteady(cuts), maxConsecutiveErrors: 50, ...more.transport,
  });
  const chat = new Chat({
    id: options.chat, transport, onError: error => errors.push(String(error)), ...more.chat,
  });
  return { chat, transport, errors };
}

async function collected(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const textOf = message =>
  message.parts.filter(part => part.type === 'text').map(part => part.text).join('');

const scenarios = {
  // Say several things, one after the other; the connection is cut where `cuts` says.
  async talk() {
    const { chat, errors } = chatOf({}, options.cuts ?? []);
    for (const text of options.say) await chat.sendMessage({ text });
    return { messages: chat.messages, texts: chat.messages.map(textOf), status: chat.status, errors };
  },

  // Read a stream again from an index, as after a reload; several readers at once.
  async resume() {
    const readers = options.starts.map(async startIndex => {
      const { transport } = chatOf({}, [...(options.cuts ?? [])]);
      const stream = await transport.reconnectToStream({ chatId: options.stream, startIndex });
      return collected(stream);
    });
    return { read: await Promise.all(readers) };
  },

  // A page that is loaded anew: it has the messages so far and asks for the rest.
  async reload() {
    const { chat, errors } = chatOf({ transport: { initialStartIndex: options.start ?? -50 } });
    await chat.resumeStream();
    return { messages: chat.messages, texts: chat.messages.map(textOf), status: chat.status, errors };
  },

  // Ask for what needs approval, decide, and see how it goes on.
  async decide() {
    const { chat, errors } = chatOf({
      chat: { sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses },
    }, options.cuts ?? []);
    await chat.sendMessage({ text: options.say });
    const asked = chat.messages.at(-1).parts.filter(part => part.state === 'approval-requested');
    for (const part of asked) {
      await chat.addToolApprovalResponse({
        id: options.forged ?? part.approval.id, approved: options.approved, reason: options.reason,
      });
    }
    while (['submitted', 'streaming'].includes(chat.status)) {
      await new Promise(done => setTimeout(done, 10));
    }
    return {
      asked: asked.map(part => part.approval.id), messages: chat.messages,
      texts: chat.messages.map(textOf), status: chat.status, errors,
    };
  },

  // What cannot be read: the client must give up, not ask without end.
  async refused() {
    const { transport } = chatOf();
    try {
      const stream = await transport.reconnectToStream({
        chatId: options.stream, startIndex: options.start ?? 0,
      });
      return { read: await collected(stream) };
    } catch (error) {
      return { error: String(error) };
    }
  },
};

console.error = () => {};
console.warn = () => {};
const result = await scenarios[scenario]();
process.stdout.write(JSON.stringify({ ...result, requests }));
process.exit(0);
