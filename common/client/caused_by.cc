#include "common/client/caused_by.h"

#include "common/event/batch.h"

namespace forebay {

std::string event_id(const EventView& event, const EventContext& context) {
  if (const auto own = event.text_attribute("id")) return std::string(*own);
  BatchHeader batch;
  batch.origin.producer = context.producer;
  batch.origin.last = context.producer_sequence;
  return derived_event_id(batch, context.index);
}

Attributes caused_by(const EventView& cause, const EventContext& context) {
  Attributes attributes;
  const std::string id = event_id(cause, context);
  const Attributes all = cause.all_attributes();
  for (const char* name : {"correlationid", "traceparent", "tracestate"}) {
    if (const auto found = all.find(name); found != all.end()) attributes.insert(*found);
  }
  attributes.emplace("correlationid", id);  // unless the cause has one
  attributes.emplace("causationid", id);
  return attributes;
}

}  // namespace forebay
