/**
 * Two lines say what is going on: one what a job says of itself, the other what answers all else that the artist asks.
 * Each line holds the newest of its kind, however fast they come; here is decided which of the two are still worth reading.
 */

/** @typedef {{kind: string, run: string}} Line  of a job; `run` is empty where it makes no pictures, or only waits */

export class Said {
  constructor() {
    this.answer = true;
    this.job = false;
    /** @type {Line} */
    this.last = { kind: "idle", run: "" };
    this.run = ""; // the newest one
  }

  /**
   * An answer stays until the next one, or until another job begins; what a job says, until an answer comes after its end.
   * @param {{job?: Line | null, answer?: boolean}} heard  what is new; a job of null says nothing any more
   */
  hear({ job, answer = false }) {
    const line = job ?? { kind: "idle", run: "" };
    const heard = job !== undefined;
    if (heard) {
      const begins = job && (line.run ? line.run !== this.run : this.last.kind !== "busy");
      if (begins) this.answer = false;
      this.run = line.run || this.run;
      this.last = line;
      this.job = job !== null;
    } else if (answer && this.last.kind !== "busy") {
      this.job = false;
    }
    this.answer ||= answer || !this.job;
  }
}

/** @param {HTMLElement} element @returns {HTMLElement | null} the line in it */
const saying = (element) => element.querySelector(".sw-say");

/** @param {HTMLElement} element  that holds a line @returns {Line | null} */
function lineOf(element) {
  const line = saying(element);
  return line && { kind: line.dataset.kind ?? "idle", run: line.dataset.run ?? "" };
}

/**
 * Shows of the two lines those that are worth reading, from now on; screen readers speak what comes new.
 * @param {HTMLElement} answers
 * @param {HTMLElement} jobs
 */
export function followSaid(answers, jobs) {
  const said = new Said();
  const show = () => {
    answers.toggleAttribute("data-past", !said.answer);
    jobs.toggleAttribute("data-past", !said.job);
  };
  const former = new Map([answers, jobs].map((element) => [element, saying(element)?.outerHTML]));
  // Gradio also touches what it doesn't change; each new line has a number of its own.
  const renewed = (/** @type {HTMLElement} */ element) => {
    const [before, now] = [former.get(element), saying(element)?.outerHTML];
    former.set(element, now);
    return now !== before;
  };
  const observer = new MutationObserver(() => {
    said.hear({ answer: renewed(answers), job: renewed(jobs) ? lineOf(jobs) : undefined });
    show();
  });
  for (const element of [answers, jobs]) {
    element.setAttribute("aria-live", "polite"); // it outlives what is written into it
    observer.observe(element, { childList: true, characterData: true, subtree: true });
  }
  said.hear({ job: lineOf(jobs) });
  show();
}
