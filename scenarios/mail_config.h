// scenarios/mail_config.h: from the message about a mail relay to net/mail_config.h. Nothing is checked
// here.
#ifndef VMSIM_SCENARIOS_MAIL_CONFIG_H_
#define VMSIM_SCENARIOS_MAIL_CONFIG_H_

#include <string>

#include "net/mail_config.h"
#include "scenarios/scenario.pb.h"
#include "vm/config.h"

namespace vmsim::scenarios {

net::MailConfig ToMailConfig(const v1::MailRelay& relay, const vm::Costs& costs);

// The relay's process.
std::string MailProcessName(const v1::MailRelay& relay);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_MAIL_CONFIG_H_
