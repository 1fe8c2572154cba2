#include "common/client/line_publisher.h"

#include "common/event/event_json.h"

namespace forebay {

bool is_passing(ErrorCode code) {
  return code == ErrorCode::kTimeout || code == ErrorCode::kFull || code == ErrorCode::kUnavailable;
}

Result<LinePublisher::Step> LinePublisher::step(std::chrono::milliseconds patience) {
  for (std::size_t i = 0; i < limits::kLinesPerStep; ++i) {
    if (!pending_) {
      const auto reading = source_.next();
      if (reading && std::holds_alternative<LineSource::MoreToRead>(*reading)) return Step::kWorked;
      if (!reading || !std::holds_alternative<LineSource::Line>(*reading)) {
        if (auto settled = rejects_.settle(); !settled) return fail(settled.error());
        if (!reading) return fail(reading.error());
        return std::holds_alternative<LineSource::End>(*reading) ? Step::kEnd : Step::kWaiting;
      }
      if (auto taken = read(std::get<LineSource::Line>(*reading)); !taken) {
        return fail(taken.error());
      }
    }
    if (!pending_) continue;
    const auto done = publish(patience);
    if (!done || *done == Step::kBlocked) return done;
  }
  return Step::kWorked;
}

/// Makes the line the pending event, or a reject, or nothing if it is blank.
Result<void> LinePublisher::read(const LineSource::Line& line) {
  if (line.text.find_first_not_of(" \t\r") == std::string_view::npos && !line.too_long) return {};
  pending_line_ = line.number;
  pending_offset_ = line.end;
  pending_text_ = line.text;
  if (line.too_long) {
    return reject("the line has " + std::to_string(line.bytes) + " bytes, at most " +
                  std::to_string(limits::kLineBytesMax) + " are read");
  }
  auto event = event_from_json(line.text);
  if (!event) return reject(event.error().message);
  pending_.emplace(Pending{std::move(*event), std::nullopt});
  if (!source_.is_stdin()) pending_->sequence = ProducerSequence{line.end};
  return {};
}

Result<LinePublisher::Step> LinePublisher::publish(std::chrono::milliseconds patience) {
  if (auto settled = rejects_.settle(); !settled) return fail(settled.error());
  const auto taken = publisher_.publish_within(patience, pending_->event, pending_->sequence);
  if (taken) {
    ++published_;
    pending_.reset();
    return Step::kWorked;
  }
  if (auto failure = publisher_.failure()) return fail(*failure);
  if (is_passing(taken.error().code)) {
    blocked_by_ = taken.error();
    return Step::kBlocked;
  }
  if (taken.error().code != ErrorCode::kBadInput) return fail(taken.error());
  pending_.reset();
  if (auto noted = reject(taken.error().message); !noted) return fail(noted.error());
  return Step::kWorked;
}

Result<void> LinePublisher::reject(std::string reason) {
  ++rejected_;
  return rejects_.add({pending_line_, pending_offset_, std::move(reason), pending_text_});
}

}  // namespace forebay
