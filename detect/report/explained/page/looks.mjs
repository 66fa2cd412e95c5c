// Colours that colour-blind readers can tell apart (Okabe and Ito), with a dash for each meaning.

export const SOURCES = ["#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442"];
export const LOOKS = {
  right: { colour: "#009e73", dash: [], mark: "✓" },
  wrong: { colour: "#ff7a1a", dash: [7, 3], mark: "✗" },
  ignored: { colour: "#b9b9c0", dash: [2, 3], mark: "–" },
  missed: { colour: "#f0e442", dash: [4, 4], mark: "?" },
  object: { colour: "#ffffff", dash: [2, 4], mark: "" },
  covered: { colour: "#f0e442", dash: [], mark: "" },
  chosen: { colour: "#ffffff", dash: [], mark: "" },
  rival: { colour: "#ff7a1a", dash: [], mark: "" },
  moved: { colour: "#cc79a7", dash: [5, 3], mark: "" },
};

export function sourceColour(source) {
  return SOURCES[source % SOURCES.length];
}
