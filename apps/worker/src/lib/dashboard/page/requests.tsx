import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import type { AnswerRequest, QuestionView, RequestView, SessionDetail } from '../protocol.ts';
import { problemsOf } from './api.ts';
import type { Api } from './api.ts';
import { Problems } from './words.tsx';

/** What the agent waits for, to be answered here. */
export function Requests({ api, session }: { readonly api: Api; readonly session: SessionDetail }): JSX.Element {
  return (
    <>
      {session.requests.map((request) => (
        <Request key={request.id} api={api} sessionId={session.id} request={request} />
      ))}
    </>
  );
}

function Request(props: { readonly api: Api; readonly sessionId: string; readonly request: RequestView }): JSX.Element {
  const { api, request, sessionId } = props;
  const [problems, setProblems] = useState<readonly string[]>([]);
  const [isBusy, setBusy] = useState(false);
  const answer = async (body: AnswerRequest): Promise<void> => {
    setBusy(true);
    setProblems([]);
    try {
      await api.post(`/api/sessions/${sessionId}/requests/${encodeURIComponent(request.id)}`, body);
    } catch (error) {
      setProblems(problemsOf(error));
      setBusy(false);
    }
  };
  const title = `request-${request.id}`;
  return (
    <section class="request" aria-labelledby={title}>
      <h2 id={title}>
        {request.type === 'permission' ? `The agent asks for permission: ${request.permission}` : 'The agent asks'}
      </h2>
      {request.type === 'permission' ? (
        <Permission patterns={request.patterns} isBusy={isBusy} onAnswer={(body) => void answer(body)} />
      ) : (
        <Questions questions={request.questions} isBusy={isBusy} onAnswer={(body) => void answer(body)} />
      )}
      <Problems problems={problems} />
    </section>
  );
}

interface AnswerProps {
  readonly isBusy: boolean;
  readonly onAnswer: (answer: AnswerRequest) => void;
}

function Permission(props: AnswerProps & { readonly patterns: readonly string[] }): JSX.Element {
  const { isBusy, onAnswer, patterns } = props;
  const [message, setMessage] = useState('');
  const reply = (word: 'once' | 'always' | 'reject'): void =>
    onAnswer({ type: 'permission', reply: word, ...(word === 'reject' && message.trim() !== '' && { message }) });
  return (
    <>
      <ul class="patterns">
        {patterns.map((pattern, index) => (
          <li key={index}>
            <code dir="auto">{pattern}</code>
          </li>
        ))}
      </ul>
      <div class="actions">
        <button type="button" class="primary" disabled={isBusy} onClick={() => reply('once')}>
          Allow once
        </button>
        <button type="button" disabled={isBusy} onClick={() => reply('always')}>
          Allow always
        </button>
        <button type="button" class="danger" disabled={isBusy} onClick={() => reply('reject')}>
          Reject
        </button>
      </div>
      <label>
        What to do instead, with a rejection (without it the agent stops)
        <input value={message} onInput={(event) => setMessage(event.currentTarget.value)} />
      </label>
    </>
  );
}

function Questions(props: AnswerProps & { readonly questions: readonly QuestionView[] }): JSX.Element {
  const { isBusy, onAnswer, questions } = props;
  const [chosen, setChosen] = useState<readonly (readonly string[])[]>(questions.map(() => []));
  const [own, setOwn] = useState<readonly string[]>(questions.map(() => ''));
  const answers = questions.map((_, place) => {
    const words = own[place]?.trim() ?? '';
    return [...(chosen[place] ?? []), ...(words === '' ? [] : [words])];
  });
  const isWhole = answers.every((labels) => labels.length > 0);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (isWhole) onAnswer({ type: 'question', answers });
      }}
    >
      {questions.map((question, place) => (
        <Question
          key={place}
          question={question}
          name={`question-${place}`}
          chosen={chosen[place] ?? []}
          own={own[place] ?? ''}
          onChoose={(labels) => setChosen(chosen.with(place, labels))}
          onOwn={(words) => {
            setOwn(own.with(place, words));
            // Where one answer is wanted, words of one's own are that answer.
            if (!question.isMultiple && words !== '') setChosen(chosen.with(place, []));
          }}
        />
      ))}
      <button type="submit" class="primary" disabled={isBusy || !isWhole}>
        Answer
      </button>
    </form>
  );
}

function Question(props: {
  readonly question: QuestionView;
  readonly name: string;
  readonly chosen: readonly string[];
  readonly own: string;
  readonly onChoose: (labels: readonly string[]) => void;
  readonly onOwn: (words: string) => void;
}): JSX.Element {
  const { chosen, name, onChoose, onOwn, own, question } = props;
  const { isMultiple, options } = question;
  return (
    <fieldset>
      <legend dir="auto">{question.question}</legend>
      {options.map(({ label, description }, index) => (
        <label key={index} class="option">
          <input
            type={isMultiple ? 'checkbox' : 'radio'}
            name={name}
            checked={chosen.includes(label)}
            onChange={(event) => {
              if (!isMultiple) {
                onOwn('');
                onChoose([label]);
              } else if (event.currentTarget.checked) onChoose([...chosen, label]);
              else onChoose(chosen.filter((other) => other !== label));
            }}
          />
          <span dir="auto">{label}</span> <span class="quiet">{description}</span>
        </label>
      ))}
      <label>
        In your own words
        <input value={own} onInput={(event) => onOwn(event.currentTarget.value)} />
      </label>
    </fieldset>
  );
}
