#include "sim/engine_story.h"

#include <algorithm>
#include <array>
#include <utility>

#include "sim/check.h"

namespace vmsim::sim {
namespace {

std::vector<std::string> Split(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  while (true) {
    const size_t begin = text.find_first_not_of(separators);
    if (begin == std::string_view::npos) return parts;
    text.remove_prefix(begin);
    const size_t end = std::min(text.find_first_of(separators), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::vector<std::vector<std::string>> SplitActions(std::string_view text) {
  std::vector<std::vector<std::string>> actions;
  for (const std::string& action : Split(text, ",")) actions.push_back(Split(action, " "));
  return actions;
}

EventClass ClassNamed(std::string_view name) {
  constexpr std::array<std::string_view, 5> kNames = {"device", "wakeup", "timeout", "daemon",
                                                      "thread"};
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  CHECK(found != kNames.end(), std::string(name));
  return static_cast<EventClass>(found - kNames.begin());
}

}  // namespace

EngineStory::EngineStory(std::string_view text, ConsumeStyle style) : style_(style) {
  EngineConfig config{.cpus = 1, .slice_ns = 10, .grain_ns = 5, .context_switch_ns = 0};
  std::vector<std::string> statements;
  for (const std::string& statement : Split(text, ";\n")) {
    const Words words = Split(statement, " ");
    if (words.empty()) continue;
    if (words.size() == 2) {
      Configure(config, words);
    } else {
      statements.push_back(statement);
    }
  }
  engine_ = std::make_unique<Engine>(config);
  for (const std::string& statement : statements) Schedule(statement);
}

EngineStory::~EngineStory() = default;

void EngineStory::Configure(EngineConfig& config, const Words& setting) const {
  const SimDuration value = std::stoll(setting[1]);
  if (setting[0] == "cpus") {
    config.cpus = static_cast<int>(value);
  } else if (setting[0] == "slice") {
    config.slice_ns = value;
  } else if (setting[0] == "grain") {
    config.grain_ns = value;
  } else if (setting[0] == "switch") {
    config.context_switch_ns = value;
  } else {
    CHECK(false, setting[0]);
  }
}

void EngineStory::Schedule(const std::string& text) {
  const size_t colon = text.find(':');
  const Words head = Split(std::string_view(text).substr(0, colon), " ");
  CHECK_EQ(head.size(), size_t{3}, text);
  Actions actions = SplitActions(std::string_view(text).substr(colon + 1));
  if (head[0] == "thread") {
    texts_[head[1]] = std::move(actions);
    threads_[head[1]] = engine_->Spawn(head[1], std::stoi(head[2]), Body(head[1]));
    return;
  }
  CHECK_EQ(head[0], "at", text);
  events_.push_back(std::make_unique<Event>(Event{this, std::move(actions)}));
  const auto callback = [](void* context, uint64_t) {
    auto* event = static_cast<Event*>(context);
    for (const Words& action : event->actions) {
      CHECK(event->story->DoNow(action), "an event cannot ", action[0]);
    }
  };
  engine_->events().Schedule(std::stoll(head[1]), ClassNamed(head[2]), callback,
                             events_.back().get(), 0);
}

SimDuration EngineStory::WorkOf(const std::string& name) const {
  SimDuration work = 0;
  for (const Words& action : texts_.at(name)) {
    if (action[0] == "run") work += std::stoll(action[1]);
  }
  return work;
}

void EngineStory::Say(const std::string& what) {
  if (!log_.empty()) log_ += ' ';
  log_ += what + "@" + std::to_string(engine_->now());
}

// Does what takes no time. False: the action is of another kind.
bool EngineStory::DoNow(const Words& action) {
  const std::string& verb = action[0];
  if (verb == "wake") {
    channels_[action[1]].WakeOne();
  } else if (verb == "wakeall") {
    channels_[action[1]].WakeAll();
  } else if (verb == "interrupt") {
    engine_->Interrupt(threads_.at(action[1]));
  } else if (verb == "stop") {
    engine_->Stop();
  } else if (verb == "say") {
    Say(action[1]);
  } else {
    return false;
  }
  return true;
}

Task<void> EngineStory::Body(std::string name) {
  for (const Words& action : texts_.at(name)) co_await Do(name, action);
}

Task<void> EngineStory::Do(const std::string& name, const Words& action) {
  if (DoNow(action)) co_return;
  if (action[0] == "run") {
    co_await Run(std::stoll(action[1]));
  } else if (action[0] == "sleep") {
    co_await Sleep(name, action);
  } else if (action[0] == "pause") {
    co_await Pause(*engine_, std::stoll(action[1]), "pause");
  } else if (action[0] == "yield") {
    co_await engine_->YieldCpu();
  } else {
    CHECK(false, action[0]);
  }
}

Task<void> EngineStory::Run(SimDuration ns) {
  for (SimDuration step; ns > 0; ns -= step) {
    step = ns;
    if (style_ == ConsumeStyle::kPieces) step = 1;
    if (style_ == ConsumeStyle::kReferences) {
      step = std::clamp<SimDuration>(engine_->Budget(), 1, ns);
    }
    co_await engine_->Consume(step);
  }
}

Task<void> EngineStory::Sleep(const std::string& name, const Words& action) {
  SleepOptions options;
  for (size_t i = 3; i < action.size(); ++i) {
    if (action[i] == "timeout") options.timeout_ns = std::stoll(action[++i]);
    if (action[i] == "intr") options.interruptible = true;
  }
  const int priority = std::stoi(action[2]);
  const int result = co_await channels_[action[1]].Sleep(*engine_, priority, "story", options);
  Say(name + (result == kAwakened ? ":woken" : result == kTimedOut ? ":timeout" : ":eintr"));
}

std::string RunStory(std::string_view text, ConsumeStyle style) {
  EngineStory story(text, style);
  story.engine().Run();
  return story.log();
}

}  // namespace vmsim::sim
